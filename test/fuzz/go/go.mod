module chancery/fuzz

go 1.22
