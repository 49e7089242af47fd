"""Models: how they are loaded, and the one face that every verb knows them by."""
