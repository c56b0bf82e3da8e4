"""Physical constants, model geometry and vegetation constants.

Specification: physical constants, and sections 3, 8, 11 and 12.
"""

# --- time
DT = 3600.0  # s, model time step

# --- physics
STEF = 5.67e-8  # W m-2 K-4, Stefan-Boltzmann
VONK = 0.4  # 1, von Karman
GRAV = 9.80616  # m s-2
TMELT = 273.16  # K; also the Celsius offset throughout
SNOW_OFFSET = 273.15  # K, the offset of the rain/snow test alone
HVAP = 2.5104e6  # J kg-1, vaporisation at TMELT
HFUS = 0.3336e6  # J kg-1, fusion
HSUB = HVAP + HFUS  # J kg-1, sublimation
CH2O = 4218.0  # J kg-1 K-1, liquid water
CICE = 2106.0  # J kg-1 K-1, ice
CAIR = 1004.64  # J kg-1 K-1, dry air
CVAP = 1810.0  # J kg-1 K-1, water vapour
RAIR = 287.04  # J kg-1 K-1
RVAP = 461.0  # J kg-1 K-1
CAPPA = RAIR / CAIR
RHOW = 1000.0  # kg m-3, water
EPS = 1e-7
O2 = 0.209  # mol mol-1

# --- vegetation geometry (section 3)
FU = 0.975  # 1, ground fraction of the upper canopy
ZBOT2 = 3.0  # m
ZTOP2 = 15.0  # m
ZBOT1 = 0.05  # m, the empty lower layer
ZTOP1 = 0.25  # m
LAI_MAX = 12.0  # m2 m-2
STEM_FRACTION = 0.25  # stem area over potential leaf area
ALAI = 8.0  # m2 m-2, drag normaliser
DLEAF = 0.10  # m, leaf and stem dimension
CLEAF = 0.01  # m s-0.5, leaf and stem transfer coefficient
CHU = 8436.0  # J m-2 K-1, leaf heat capacity per two-sided element
CHS = 210900.0  # J m-2 K-1, stem

# --- canopy water (section 8)
WLIQ_MAX_LEAF, WLIQ_MAX_STEM = 0.20, 0.40  # kg m-2
WSNO_MAX_LEAF, WSNO_MAX_STEM = 2.0, 4.0  # kg m-2
W_MIN = 0.001  # kg m-2
TDRIP = 7200.0  # s
TBLOW = 43200.0  # s
FWET_MAX = 0.25

# --- surface
Z0SOIL, Z0SNOW = 0.005, 0.0005  # m, roughness
EMISSIVITY = 0.95  # soil and snow

# --- soil (section 11)
HSOI = (0.10, 0.15, 0.25, 0.50, 1.00, 2.00)  # m, layer thickness
NSOI = 6
BPERM = 0.10  # fraction of free drainage at the bottom
WPUDMAX = 4.5  # kg m-2
ZWPMAX = 0.5
RHO_SOLID = 2650.0 * 0.99 + 1300.0 * 0.01  # kg m-3
C_SOLID = 870.0 * 0.99 + 1920.0 * 0.01  # J kg-1 K-1

# --- snow (section 12)
NSNO = 3
RHOS = 250.0  # kg m-3
CONSNO = 0.20  # W m-1 K-1
HSNOTOP = 0.05  # m
HSNOMIN = 0.15  # m
FIMIN = 0.00002 * DT / 1800.0
HRUF = 0.20  # m
HMIN_CONDUCTION = 0.01  # m, thinnest layer in the conduction step
