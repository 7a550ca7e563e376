"""What tests share: releases, models and corpora that are small but real."""
