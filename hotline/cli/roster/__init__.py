"""`hotline roster …`: on plain files, and with the running hotline."""
