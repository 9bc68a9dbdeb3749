"""Installing, removing and starting: the Makefile, the launchers and the shim."""
