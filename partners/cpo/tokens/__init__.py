"""Who may charge: lists, grants, and the word of the eMSP."""
