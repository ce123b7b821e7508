for name in a b; do echo $name; done
upper=$(echo hello | tr a-z A-Z)
echo "$upper" >out.txt
cat out.txt
ls /nonexistent 2>/dev/null
test -d /tmp && echo yes
(exit 3)
echo $?
mkdir -m 700 folder && cp out.txt folder && chmod 644 folder/out.txt && touch folder/out.txt && ln -s out.txt link && readlink link
rm -r folder link out.txt
kill -TERM $$
