// NW_ROWS(1) to NW_ROWS(NW_MR), which is 3 at least.
NW_ROWS(1) NW_ROWS(2) NW_ROWS(3)
#if NW_MR >= 4
NW_ROWS(4)
#endif
#if NW_MR >= 5
NW_ROWS(5)
#endif
#if NW_MR >= 6
NW_ROWS(6)
#endif
#if NW_MR >= 7
NW_ROWS(7)
#endif
#if NW_MR >= 8
NW_ROWS(8)
#endif
#if NW_MR >= 9
NW_ROWS(9)
#endif
#if NW_MR >= 10
NW_ROWS(10)
#endif
#if NW_MR >= 11
NW_ROWS(11)
#endif
#if NW_MR >= 12
NW_ROWS(12)
#endif
#if NW_MR >= 13
NW_ROWS(13)
#endif
#if NW_MR >= 14
NW_ROWS(14)
#endif
