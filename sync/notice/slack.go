package notice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Slack is a channel that posts to an incoming webhook of Slack, or of what takes the
// same: {"text": …}. See https://api.slack.com/messaging/webhooks.
type Slack struct {
	// URL reads the webhook's address, which is a secret, anew for each notice.
	URL func() (string, error)
	// Transport makes the request; nil for the usual one.
	Transport http.RoundTripper
}

// Deliver implements [Channel].
func (s Slack) Deliver(ctx context.Context, n Notice) error {
	address, err := s.URL()
	if err != nil {
		return err
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return errors.New("the Slack webhook's address is no https URL: copy it from Slack into its file")
	}
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	text, err := json.Marshal(map[string]string{"text": "*" + escape.Replace(n.Subject) + "*\n" + escape.Replace(n.Body)})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(text))
	if err != nil {
		return errors.New("the Slack webhook's address cannot be called")
	}
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: s.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		var of *url.Error // which quotes the address
		if errors.As(err, &of) {
			err = of.Err
		}
		return fmt.Errorf("Slack could not be reached: %w", withoutAddress(err))
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("Slack answered %d: look whether the webhook still exists there", res.StatusCode)
	}
	return nil
}

// withoutAddress is an error of the network by its class: others quote what a peer said.
func withoutAddress(err error) error {
	var of net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &of) && of.Timeout():
		return errors.New("no answer in time")
	case errors.Is(err, context.Canceled):
		return context.Canceled
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return fmt.Errorf("%s failed", op.Op)
	}
	return errors.New("the connection failed")
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
