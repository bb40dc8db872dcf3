package configs

import "slices"

// KeepRunning takes the settings that a running daemon cannot change over from the
// configuration that it runs with, and returns the keys of those that differed.
func (c *Config) KeepRunning(with *Config) (kept []string) {
	keep := func(key string, differs bool, take func()) {
		if differs {
			kept = append(kept, key)
			take()
		}
	}
	keep("state_dir", c.StateDir != with.StateDir, func() { c.StateDir = with.StateDir })
	keep("listen", c.Listen != with.Listen, func() { c.Listen = with.Listen })
	keep("admin_listen", c.AdminListen != with.AdminListen, func() { c.AdminListen = with.AdminListen })
	keep("trusted_proxies", !slices.Equal(c.TrustedProxies, with.TrustedProxies), func() { c.TrustedProxies = with.TrustedProxies })
	keep("log.format", c.Log.Format != with.Log.Format, func() { c.Log.Format = with.Log.Format })
	return kept
}
