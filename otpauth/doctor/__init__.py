"""What keeps logins from working, or from being safe: looked for, named, and never mended here.

`finding` says what a check is. `person` looks into one account; the checks of the host are in a
module for each part of it. `table` lists them all, in the order in which they are printed. Nothing
here changes anything, and no secret or code is in any finding.
"""
