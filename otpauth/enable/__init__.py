"""Make a service ask for codes, and never lock anybody out by it: plan, prove, try, confirm.

`edit` is a change to a file, `plan` says which are needed and what they do to whom, `prove` logs in
through them, `trial` makes them and puts them back unless they are confirmed.

`prove` has its `rehearsal` in namespaces of its own, on a stage that `stagehand` makes, with
`typist` at the terminal. A trial has its `journal`, `files` that are replaced whole, a `fallback`
that ends it when nobody is there, and its own `clock`; `newlogin` tells, by `processes`, who may
confirm it, `sshd` reloads, and `system` runs what the system has for all that.
"""
