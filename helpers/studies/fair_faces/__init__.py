"""fair_faces: a self-supervised pipeline for facial attributes that serve every group alike."""
