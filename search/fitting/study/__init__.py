"""The study for photos: the rules by which it is written, what trainings cost, and the writing."""
