package listen

import (
	"context"
	"net/http"
	"sync"
)

// A Gate is a handler that passes requests on to another one, which can be
// exchanged while requests come. While it is shut, requests wait, so that none is
// refused between two handlers. The zero Gate is shut.
type Gate struct {
	mu     sync.Mutex
	now    *passage      // nil while shut
	opened chan struct{} // closed when it is opened; nil where no request waits for that
}

// A passage is what requests go through between two exchanges.
type passage struct {
	life    context.Context
	handler http.Handler
	under   sync.WaitGroup // requests under way
}

// ServeHTTP implements [http.Handler]. A request whose client leaves while it waits
// is dropped.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := g.enter(r.Context())
	if p == nil {
		panic(http.ErrAbortHandler) // there is no one left to answer
	}
	defer p.under.Done()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(p.life, cancel)()
	p.handler.ServeHTTP(w, r.WithContext(ctx))
}

// enter returns the passage of a request, nil if ctx ended while it waited.
func (g *Gate) enter(ctx context.Context) *passage {
	for {
		p, opened := g.try()
		if p != nil {
			return p
		}
		select {
		case <-opened:
		case <-ctx.Done():
			return nil
		}
	}
}

// try returns the passage, or what is closed when there is one.
func (g *Gate) try() (*passage, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now != nil {
		g.now.under.Add(1)
		return g.now, nil
	}
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
	return nil, g.opened
}

// Open passes requests on to h from now on, those that wait among them. Their
// contexts end when life does.
func (g *Gate) Open(life context.Context, h http.Handler) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now = &passage{life: life, handler: h}
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
	}
}

// Shut has further requests wait, and returns when those under way have ended, or
// ctx has; the latter are not cut off.
func (g *Gate) Shut(ctx context.Context) {
	g.mu.Lock()
	p := g.now
	g.now = nil
	g.mu.Unlock()
	if p == nil {
		return
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.under.Wait()
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}
