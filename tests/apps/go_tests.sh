# Go's own tests of what its library has of the system: os, os/exec, net, net/http, runtime, sync, time.
# Packages: golang-go
# Slow.
export GOCACHE=$HOME/cache GOPATH=$HOME/path GOTOOLCHAIN=local GOPROXY=off
# strace and gdb, which some call, need ptrace(2); the last is skipped where it is slow.
apart='TestLinuxSendfile|TestGdb|TestLldb|TestClientTimeoutKillsConn_BeforeHeaders'
for package in sync time os os/exec net net/http runtime; do
    go test -short -tags=timetzdata -json $package >"$HOME/printed" 2>&1 || grep -q '"Action":"fail".*"Test"' "$HOME/printed" || echo "$package fails"
    sed -nE 's/.*"Action":"(pass|fail|skip)","Package":"([^"]*)","Test":"([^"]*)".*/\2 \3 \1/p' "$HOME/printed" | grep -vE "$apart" | sort
done
