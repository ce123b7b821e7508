"""What Linux defines: numbers, errno, flags, structs. One row per thing; native/check_abi.c holds them to the headers."""
