"""OPG: AI models that are owned, hosted by anyone, and verified by arithmetic."""
