# A repository's life: import, branches, merges, a rebase, a bisection, packing, clones by path and through a helper process.
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org
day=1600000000
tick() {
    day=$((day + 1000))
    export GIT_AUTHOR_DATE="$day +0000" GIT_COMMITTER_DATE="$day +0000"
}
tick
git config --global init.defaultBranch main
git config --global pack.threads 1 # the same pack each time
git config --global advice.detachedHead false
git config --global gc.autoDetach false

git init repository
cp -r "$HELLO/." repository
cd repository
git add .
git commit -q -m 'import'
git log --stat --format='%H %an %ad %s' | tail -n 3
for i in 1 2 3 4 5 6; do
    tick
    echo "line $i" >>README
    [ $i -lt 4 ] || echo broken >bug
    git add -A
    git commit -q -m "change $i"
done
git tag -a v1 -m 'a tag'
git checkout -q -b side HEAD~3
tick
echo side >side.txt
git add side.txt
git commit -q -m 'on the side'
git checkout -q main
tick
git merge --no-ff -m 'merge' side
git checkout -q -b rebased v1~4
tick
sed -i 1d NEWS
git commit -q -a -m 'to be moved'
tick
git rebase main
git stash list
echo stashed >>NEWS
tick
git stash
git stash pop
git diff --stat
git checkout -q NEWS
git bisect start main v1~6
git bisect run sh -c '! test -e bug'
git bisect reset
git blame -s README | tail -n 7
git log --graph --oneline --all
git grep -n 'int main' | head
git count-objects
git -c gc.pruneExpire=now gc -q
git count-objects -v
git verify-pack -v .git/objects/pack/*.idx | tail -n 3
git fsck --full --strict
git archive HEAD | tar -t | wc -l
git bundle create -q ../bundle --all
cd ..
git clone -q --no-local repository clone
git clone -q --bare repository bare.git
git -C clone fsck
git -C clone log -1 --format=%H
cd clone
tick
echo more >more
git add more
git commit -q -m more
git push -q ../bare.git HEAD:refs/heads/pushed
cat >.git/hooks/pre-commit <<'end'
#!/bin/sh
echo "the hook says no to $(git diff --cached --name-only)"
exit 1
end
chmod +x .git/hooks/pre-commit
echo refused >refused
git add refused
git commit -q -m refused || echo "status $?"
git format-patch -q -1
git reset -q --hard HEAD~1
git am -q ./*.patch
git fetch -q ../bare.git
git log -3 --format='%H %s'
git status --short
cd ..
git -C bare.git for-each-ref
rm repository/.git/index clone/.git/index # stat(2) data
