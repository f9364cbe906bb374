"""`hotline forecast …`: a module for each part of it."""
