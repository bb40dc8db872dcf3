package admin

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/doctor"
	"thnks-hubspot-sync/sync/stats"
)

// TestMain looks for goroutines of ours that outlive all tests.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leaked(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leaked returns the stacks of our goroutines that do not end although the
// scheduler has run them many times.
func leaked() (left string) {
	for range 10_000 {
		buf := make([]byte, 1<<20)
		stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
		left = ""
		for _, s := range stacks[1:] { // the first is this one's
			if strings.Contains(s, "thnks-hubspot-sync/sync/admin") {
				left += s + "\n\n"
			}
		}
		if left == "" {
			return ""
		}
		runtime.Gosched()
	}
	return left
}

// service is a service made of functions. One that is missing must not be called.
type fake struct {
	status     func(context.Context) ([]giftsync.Status, error)
	run        func(context.Context, string, giftsync.Request, giftsync.Watcher) (giftsync.Report, error)
	stop       func(context.Context, string) (bool, error)
	stats      func(context.Context, string, stats.Query) (stats.Report, error)
	quarantine func(context.Context, string) (giftsync.QuarantineList, error)
	show       func(context.Context, string, string) (giftsync.QuarantinedRow, error)
	drop       func(context.Context, string, []string) (int, error)
	check      func(context.Context, string) ([]doctor.Finding, error)
	events     func(context.Context, string, giftsync.EventQuery) (giftsync.EventList, error)
	replay     func(context.Context, string, []uint64) (int, error)
}

func (d fake) Events(ctx context.Context, portal string, q giftsync.EventQuery) (giftsync.EventList, error) {
	return d.events(ctx, portal, q)
}

func (d fake) Replay(ctx context.Context, portal string, seqs []uint64) (int, error) {
	return d.replay(ctx, portal, seqs)
}

func (d fake) Status(ctx context.Context) ([]giftsync.Status, error) { return d.status(ctx) }

func (d fake) Run(ctx context.Context, portal string, req giftsync.Request, w giftsync.Watcher) (giftsync.Report, error) {
	return d.run(ctx, portal, req, w)
}

func (d fake) Stop(ctx context.Context, portal string) (bool, error) { return d.stop(ctx, portal) }

func (d fake) Stats(ctx context.Context, portal string, q stats.Query) (stats.Report, error) {
	return d.stats(ctx, portal, q)
}

func (d fake) Quarantine(ctx context.Context, portal string) (giftsync.QuarantineList, error) {
	return d.quarantine(ctx, portal)
}

func (d fake) ShowQuarantined(ctx context.Context, portal, key string) (giftsync.QuarantinedRow, error) {
	return d.show(ctx, portal, key)
}

func (d fake) DropQuarantined(ctx context.Context, portal string, keys []string) (int, error) {
	return d.drop(ctx, portal, keys)
}

func (d fake) Check(ctx context.Context, portal string) ([]doctor.Finding, error) {
	return d.check(ctx, portal)
}

// socketPath returns a path for a socket that is short enough on any system,
// in a directory with the modes of a state directory.
func socketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "admin") // mode 0700
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "admin.sock")
}

func mustListen(t testing.TB, path string) net.Listener {
	t.Helper()
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func mustDial(t testing.TB, path string) *Client {
	t.Helper()
	c, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A daemon is a service that is being served.
type daemon struct {
	path string
	stop func()      // stops it and waits
	log  chan string // messages
}

// start serves a service until the test ends, with a server that adjust may
// change first.
func start(t testing.TB, service Service, usage func(error) bool, adjust ...func(*server)) daemon {
	t.Helper()
	path := socketPath(t)
	l := mustListen(t, path)
	ctx, cancel := context.WithCancel(context.Background())
	log := make(chan string, 1000)
	s := newServer(ctx, service, Options{Usage: usage, Logger: slog.New(logTo{log})})
	for _, f := range adjust {
		f(s)
	}
	served := make(chan error, 1)
	go func() { served <- serve(ctx, l, s.handler(), s.grace, s.log) }()
	stop := func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		served <- nil // for the next call
	}
	t.Cleanup(stop)
	return daemon{path, stop, log}
}

// logTo sends records, as a line of their message and attributes.
type logTo struct{ lines chan<- string }

func (logTo) Enabled(context.Context, slog.Level) bool { return true }

func (h logTo) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	h.lines <- line
	return nil
}

func (h logTo) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h logTo) WithGroup(string) slog.Handler      { return h }

// pipes is a listener for use inside a synctest bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() pipes { return pipes{make(chan net.Conn, 1000), make(chan struct{})} }

func (p pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error {
	close(p.done)
	return nil
}

func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// filled returns a T without zero fields, so that a test notices a field that
// is lost on the wire.
func filled[T any](seed int) T {
	var v T
	fill(reflect.ValueOf(&v).Elem(), &seed)
	return v
}

func fill(v reflect.Value, n *int) {
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 11, 21, 9, 30, 15, 123456000+*n, time.UTC)))
		return
	case time.Duration:
		v.SetInt(int64(time.Minute) + int64(*n))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(int64(*n))
	case reflect.Uint64:
		v.SetUint(1<<63 + uint64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n) / 7)
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d \"<&>\u2028é\n", *n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, n)
			fill(value, n)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic("cannot fill " + v.Type().String())
	}
}
