package configs

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
)

// TestKeepRunning: what a running daemon cannot change stays, key by key, and nothing
// else does.
func TestKeepRunning(t *testing.T) {
	t.Parallel()
	old := Config{StateDir: "/a", Listen: ":1", AdminListen: ":2", Schedule: "@daily", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Log: Log{Format: LogAuto}}
	for key, change := range map[string]func(*Config){
		"state_dir":       func(c *Config) { c.StateDir = "/b" },
		"listen":          func(c *Config) { c.Listen = ":3" },
		"admin_listen":    func(c *Config) { c.AdminListen = ":3" },
		"trusted_proxies": func(c *Config) { c.TrustedProxies = nil },
		"log.format":      func(c *Config) { c.Log.Format = LogJSON },
	} {
		next := old
		change(&next)
		next.Schedule, next.Portals = "@hourly", []Portal{{Name: "new"}}
		want := old
		want.Schedule, want.Portals = next.Schedule, next.Portals
		if kept := next.KeepRunning(&old); !slices.Equal(kept, []string{key}) {
			t.Errorf("%s: %q is kept", key, kept)
		}
		if !reflect.DeepEqual(next, want) {
			t.Errorf("%s: the configuration is then %+v", key, next)
		}
	}
	same := old
	if kept := same.KeepRunning(&old); kept != nil {
		t.Errorf("%q is kept of the same", kept)
	}
}
