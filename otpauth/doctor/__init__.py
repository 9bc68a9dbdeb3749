"""What keeps logins from working, or from being safe: looked for, named, and never mended here.

`finding` says what a check is. `person` is one account, `hindrances` what is in its way; `ground`
is the host, and its checks are in a module for each part of it. `table` lists them all, in the
order in which they are printed; `own` is for one's own account. Nothing here changes anything, and
no secret or code is in any finding.
"""
