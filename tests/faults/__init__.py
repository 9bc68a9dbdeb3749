"""What fails underneath: full disks, dead homes, kills; old or new, never neither."""
