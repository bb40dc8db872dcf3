package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// writeConfig writes a configuration for the sandbox, with its credentials,
// into dir, which it makes where it does not exist. With a secret it has the
// webhook endpoint as well.
func writeConfig(dir string, r Ready, secret []byte) (path string, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path = filepath.Join(dir, "config.yaml")
	config := fmt.Sprintf(`state_dir: %q
portals:
  - name: sandbox
    hubspot: {base_url: %q, token_file: hubspot-token}
    thnks: {base_url: %q, api_key_file: thnks-key}
`, filepath.Join(dir, "state"), r.HubSpot, r.Thnks)
	type file struct{ path, text string }
	files := []file{
		{filepath.Join(dir, "hubspot-token"), r.Token},
		{filepath.Join(dir, "thnks-key"), r.Key},
	}
	if secret != nil {
		config += "    webhooks:\n      gift-events: {scheme: standard, secret_files: [gift-events]}\n"
		files = append(files, file{filepath.Join(dir, "gift-events"), string(secret)})
	}
	for _, f := range append(files, file{path, config}) {
		if err := os.WriteFile(f.path, []byte(f.text), 0o600); err != nil {
			return "", err
		}
	}
	return path, nil
}
