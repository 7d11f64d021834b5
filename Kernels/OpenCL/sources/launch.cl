// As little as a kernel can do and still be seen to have run: one item counts.
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void count_launch(__global uint *count) { count[0]++; }
