// NW_ROWS(1) to NW_ROWS(NW_MR).
#if NW_MR >= 3
NW_ROWS(1) NW_ROWS(2) NW_ROWS(3)
#endif
#if NW_MR >= 4
NW_ROWS(4)
#endif
#if NW_MR >= 6
NW_ROWS(5) NW_ROWS(6)
#endif
#if NW_MR >= 8
NW_ROWS(7) NW_ROWS(8)
#endif
#if NW_MR >= 12
NW_ROWS(9) NW_ROWS(10) NW_ROWS(11) NW_ROWS(12)
#endif
#if NW_MR >= 14
NW_ROWS(13) NW_ROWS(14)
#endif
