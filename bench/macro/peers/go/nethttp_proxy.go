// net/http with httputil.ReverseProxy, kept connections, a buffer pool: how most Go gateways begin.
package main

import (
	"log"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"
)

type bufferPool struct{ pool sync.Pool }

func (p *bufferPool) Get() []byte  { return p.pool.Get().([]byte) }
func (p *bufferPool) Put(b []byte) { p.pool.Put(b) }

func main() {
	c := loadConfig()
	routes := newRouter(c)
	scheme := "http"
	if c.Cert != "" {
		scheme = "https"
	}
	var turn uint32
	proxy := &httputil.ReverseProxy{
		Director: func(r *http.Request) {
			r.URL.Scheme = "http"
			r.URL.Host = c.Endpoints[atomic.AddUint32(&turn, 1)%uint32(len(c.Endpoints))]
			r.Header.Set("X-Forwarded-Proto", scheme)
			r.Header.Set("X-Forwarded-Host", r.Host)
			r.Header.Set("Via", "1.1 nethttp")
			r.Header.Set("X-Request-Id", string(requestID(nil)))
			if _, ok := r.Header["User-Agent"]; !ok {
				r.Header.Set("User-Agent", "")
			}
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Set("X-Request-Id", r.Request.Header.Get("X-Request-Id"))
			return nil
		},
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 4096, IdleConnTimeout: time.Minute, DisableCompression: true,
		},
		BufferPool: &bufferPool{sync.Pool{New: func() interface{} { return make([]byte, 32<<10) }}},
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !routes.match([]byte(r.URL.Path)) {
			http.Error(w, "no route", 404)
			return
		}
		proxy.ServeHTTP(w, r)
	})
	server := &http.Server{Addr: c.Listen, Handler: handler, IdleTimeout: 75 * time.Second}
	if c.Cert != "" {
		log.Fatal(server.ListenAndServeTLS(c.Cert, c.Key))
	}
	log.Fatal(server.ListenAndServe())
}
