package webhook_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// mapped has the connections from 127.1.0.x come from 192.0.2.x, which unlike
// loopback is counted by address.
type mapped struct{ net.Listener }

func (m mapped) Accept() (net.Conn, error) {
	c, err := m.Listener.Accept()
	if err != nil {
		return nil, err
	}
	from := c.RemoteAddr().(*net.TCPAddr).AddrPort()
	ip := from.Addr().Unmap().As4()
	ip = [4]byte{192, 0, 2, ip[3]}
	return peer{c, address(netip.AddrPortFrom(netip.AddrFrom4(ip), from.Port()).String())}, nil
}

// dialFrom connects from 127.1.0.host.
func dialFrom(ctx context.Context, host byte, to net.Addr) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, 0, host)}}
	return d.DialContext(ctx, "tcp", to.String())
}

// TestBesideIdleConnections has 40 addresses hold 64 connections each, more than
// there are places, and open new ones for those that are closed. Good requests
// are answered beside them, each on a connection of its own.
func TestBesideIdleConnections(t *testing.T) {
	took := besideConnections(t, "", 20)
	if median := took[len(took)/2]; median > time.Second {
		t.Errorf("half of the good requests took %v or more", median)
	}
}

// TestBesideWithheldBodies is the same with connections that send the header of a
// request, which takes the place of one under way for 3 s.
func TestBesideWithheldBodies(t *testing.T) {
	besideConnections(t, strings.TrimSuffix(raw(schemes[0], opened), opened), 5)
}

// besideConnections has those connections begin with this text. It sends a number
// of good requests, checks that each is answered, and returns how long they took,
// in order.
func besideConnections(t *testing.T, begin string, good int) (took []time.Duration) {
	const hosts, each = 40, 64
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur < 3*hosts*each {
		t.Skip("this system allows too few open files")
	}
	s := newSite(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving(t, mapped{l}, s, discard, func() {
		ctx, stop := context.WithCancel(t.Context())
		var held, idlers sync.WaitGroup
		for host := range hosts {
			for range each {
				held.Add(1)
				first := sync.OnceFunc(held.Done)
				idlers.Go(func() {
					defer first()
					for ctx.Err() == nil {
						if c, err := dialFrom(ctx, byte(host+1), l.Addr()); err == nil {
							first()
							closing := context.AfterFunc(ctx, func() { c.Close() })
							_, _ = io.WriteString(c, begin)
							_, _ = io.Copy(io.Discard, c) // until it is closed
							closing()
							c.Close()
						}
						time.Sleep(20 * time.Millisecond)
					}
				})
			}
		}
		held.Wait()
		for range good {
			began := time.Now()
			c, err := dialFrom(ctx, 200, l.Addr())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, raw(schemes[0], opened))
			if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != http.StatusOK {
				t.Errorf("a good request gets %v, %v", res, err)
			}
			took = append(took, time.Since(began))
			c.Close()
		}
		stop()
		idlers.Wait()
		slices.Sort(took)
		t.Logf("good requests took %v in the median, %v at most", took[good/2], took[good-1])
	})
	return took
}
