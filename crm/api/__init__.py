"""What the CRM answers: calls and their stories, offers, recordings, messages, callbacks, reports."""
