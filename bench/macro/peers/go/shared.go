// What both Go gateways of the benchmark share: configuration, route table, request ids.
package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"os"
	"sync"
)

type config struct {
	Listen    string
	Endpoints []string
	Cert, Key string
	Routes    []struct {
		Path  string
		Exact bool
	}
}

func loadConfig() config {
	var c config
	data, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		log.Fatal(err)
	}
	return c
}

// Exact paths by map, then the longest prefix by cutting at slashes.
type router struct{ exact, prefix map[string]bool }

func newRouter(c config) router {
	r := router{map[string]bool{}, map[string]bool{}}
	for _, route := range c.Routes {
		if route.Exact {
			r.exact[route.Path] = true
		} else {
			r.prefix[route.Path] = true
		}
	}
	return r
}

// The conversions inside the index expressions do not allocate.
func (r router) match(path []byte) bool {
	if r.exact[string(path)] {
		return true
	}
	for end := len(path); end > 0; {
		end = bytes.LastIndexByte(path[:end], '/')
		if end < 0 {
			return false
		}
		if r.prefix[string(path[:end+1])] {
			return true
		}
	}
	return false
}

// Random bytes are fetched from the kernel in blocks: one system call in 256 requests.
var (
	randomLock sync.Mutex
	random     = bufio.NewReaderSize(rand.Reader, 4096)
)

func requestID(dst []byte) []byte {
	var raw [16]byte
	randomLock.Lock()
	io.ReadFull(random, raw[:])
	randomLock.Unlock()
	n := len(dst)
	dst = append(dst, make([]byte, 32)...)
	hex.Encode(dst[n:], raw[:])
	return dst
}
