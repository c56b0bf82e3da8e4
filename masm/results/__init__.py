"""What a calibration returns and keeps."""
