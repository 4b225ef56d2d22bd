"""What fills the screen. A view lays widgets out and shows the desk on them; views import no view."""
