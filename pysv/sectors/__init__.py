"""One electron: states and H in sectors of S^z_tot."""
