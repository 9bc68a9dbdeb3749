"""Make a service ask for codes, and never lock anybody out by it: plan, prove, try, confirm.

`edit` is a change to a file, `plan` says which are needed and what they do to whom, `prove` logs in
through them, `trial` makes them and puts them back unless they are confirmed.
"""
