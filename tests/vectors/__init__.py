"""Files with one defect each, how they are made, and what reading them must give."""
