"""The 0.05 degree grid and regridding; pure geometry."""
