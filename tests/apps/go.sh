# Go: a program of many goroutines, sockets and processes is built, vetted, tested and run; the library's own tests of sync and os/exec.
# Packages: golang-go
# Slow.
export GOCACHE=$HOME/cache GOPATH=$HOME/path GOFLAGS=-mod=mod GOTOOLCHAIN=local GOPROXY=off
mkdir -p module
cat >module/go.mod <<'go'
module example.org/m

go 1.19
go
cat >module/main.go <<'go'
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"os/signal"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

func main() {
	var wg sync.WaitGroup
	squares := make(chan int)
	for i := 0; i < 200; i++ {
		wg.Add(1)
		go func(i int) { defer wg.Done(); runtime.Gosched(); squares <- i * i }(i)
	}
	go func() { wg.Wait(); close(squares) }()
	sum := 0
	for x := range squares {
		sum += x
	}
	fmt.Println(sum, runtime.NumCPU())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello ", r.URL.Path) }))
	for i := 0; i < 20; i++ {
		response, err := http.Get(fmt.Sprint(server.URL, "/", i))
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(response.Body)
		fmt.Println(string(body))
	}
	out, err := exec.Command("sh", "-c", "echo child; exit 3").CombinedOutput()
	fmt.Println(string(out), err)
	listener, _ := net.Listen("unix", "@noahpy-go")
	go func() { c, _ := listener.Accept(); io.Copy(c, c); c.Close() }()
	c, _ := net.Dial("unix", "@noahpy-go")
	c.Write([]byte("echoed"))
	c.(*net.UnixConn).CloseWrite()
	body, _ := io.ReadAll(c)
	fmt.Println(string(body))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println(<-signals)
	<-time.After(10 * time.Millisecond)
	heap := make([][]byte, 100)
	for i := range heap {
		heap[i] = make([]byte, 1<<20)
	}
	runtime.GC()
	defer func() { fmt.Println("recovered:", recover()) }()
	var p *int
	*p = len(heap)
}
go
cat >module/main_test.go <<'go'
package main

import "testing"

func TestNothing(t *testing.T) { t.Parallel() }
func TestSkipped(t *testing.T) { t.Skip("skipped") }
go
cd module
go build -trimpath -buildvcs=false -o m .
./m
sha256sum m
rm m
go vet .
go test . | cut -f 1,2
cd ..
go test -short sync os/exec 2>&1 | sed -E 's/[0-9.]+s$//; s/\(cached\)$//'
