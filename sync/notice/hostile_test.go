package notice

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"
)

// TestHostileMailServer: a mail server that says nothing, or does not stop, holds no
// notifier longer than a notice may take, and takes no memory.
func TestHostileMailServer(t *testing.T) {
	t.Parallel()
	endless := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			for _, err := c.Write([]byte(text)); err == nil; _, err = c.Write([]byte(text)) {
			}
		}
	}
	for name, tt := range map[string]struct {
		talks func(net.Conn)
		want  string
	}{
		"silence":                    {func(net.Conn) {}, "context canceled"},
		"a first word, then silence": {func(c net.Conn) { _, _ = c.Write([]byte("220 mail.example\r\n")) }, "context canceled"},
		"a line without an end":      {endless(strings.Repeat("2", 1<<16)), errSaid.Error()},
		"a greeting without an end":  {endless(strings.Repeat("220-"+secretPart+"\r\n", 1<<10)), errSaid.Error()},
		"no mail server":             {func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 " + secretPart + "\r\n\r\n")) }, "connection failed"},
		"a code that is none":        {func(c net.Conn) { _, _ = c.Write([]byte("22 " + secretPart + "\r\n")) }, "connection failed"},
		"another code":               {func(c net.Conn) { _, _ = c.Write([]byte("554-" + secretPart + "\r\n554 " + secretPart + "\r\n")) }, "code 554"},
	} {
		for _, security := range []string{Plain, STARTTLS} {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			ctx, end := context.WithCancel(t.Context())
			defer end()
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				tt.talks(c)
				if tt.want == "context canceled" {
					end()
				}
			}()
			m := Mail{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Security: security, From: "thnks@acme.example", To: []string{"ops@acme.example"}}
			t.Run(name+" "+security, func(t *testing.T) {
				said := make(chan error, 1)
				go func() { said <- m.Deliver(ctx, sample) }()
				select {
				case err := <-said:
					check(t, err, tt.want)
				case <-time.After(time.Minute):
					t.Fatal("the notifier waits for ever")
				}
			})
		}
	}
}
