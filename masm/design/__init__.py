"""Where to run the model: initial designs and acquisition criteria."""
