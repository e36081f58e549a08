"""The commands of ``qhpc``, one light module each: heavy libraries are imported inside the functions."""
