// The usual fasthttp reverse proxy: the request context's own request and response go through a HostClient.
package main

import (
	"log"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Upgrade"}

func main() {
	c := loadConfig()
	routes := newRouter(c)
	clients := make([]*fasthttp.HostClient, len(c.Endpoints))
	for i, address := range c.Endpoints {
		clients[i] = &fasthttp.HostClient{
			Addr: address, MaxConns: 4096, MaxIdleConnDuration: time.Minute,
			NoDefaultUserAgentHeader: true, DisablePathNormalizing: true,
		}
	}
	scheme := "http"
	if c.Cert != "" {
		scheme = "https"
	}
	var turn uint32
	handler := func(ctx *fasthttp.RequestCtx) {
		request, response := &ctx.Request, &ctx.Response
		if !routes.match(ctx.Path()) {
			ctx.Error("no route", 404)
			return
		}
		var buffer [32]byte
		id := requestID(buffer[:0])
		for _, name := range hopByHop {
			request.Header.Del(name)
		}
		forwarded := request.Header.Peek("X-Forwarded-For")
		address := ctx.RemoteIP().String()
		if len(forwarded) > 0 {
			address = string(forwarded) + ", " + address
		}
		request.Header.Set("X-Forwarded-For", address)
		request.Header.Set("X-Forwarded-Proto", scheme)
		request.Header.SetBytesV("X-Forwarded-Host", request.Header.Host())
		request.Header.Set("Via", "1.1 fasthttp")
		request.Header.SetBytesV("X-Request-Id", id)
		// The request line is passed on as it came; the client speaks plain HTTP whatever the listener does.
		request.URI().SetScheme("http")
		client := clients[0]
		if len(clients) > 1 {
			client = clients[atomic.AddUint32(&turn, 1)%uint32(len(clients))]
		}
		if err := client.Do(request, response); err != nil {
			response.Reset()
			ctx.Error("bad gateway", 502)
			return
		}
		for _, name := range hopByHop {
			response.Header.Del(name)
		}
		response.Header.SetBytesV("X-Request-Id", id)
	}
	server := &fasthttp.Server{
		Handler: handler, NoDefaultServerHeader: true, NoDefaultDate: true, MaxRequestBodySize: 64 << 20,
		ReadBufferSize: 8 << 10, IdleTimeout: 75 * time.Second, Logger: log.New(log.Writer(), "", 0),
	}
	if c.Cert != "" {
		log.Fatal(server.ListenAndServeTLS(c.Listen, c.Cert, c.Key))
	}
	log.Fatal(server.ListenAndServe(c.Listen))
}
