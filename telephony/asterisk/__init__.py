"""The private Asterisk: found or brought, configured from the settings, started, watched and ended, without root."""
