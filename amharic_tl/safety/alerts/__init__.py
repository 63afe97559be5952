"""What is established of a safety figure over time, who is told, and what follows."""
