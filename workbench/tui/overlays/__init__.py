"""What lies over the screen for a moment: palette, question, prompt, help, jump letters."""
