package main

import "thnks-hubspot-sync/configs"

// A hubspotApp is one of the configuration's OAuth apps with its secret.
type hubspotApp struct {
	configs.App
	secret configs.Secret
}

// app reads the secret of an app, anew each time, so that a replaced one is seen
// without a restart.
func (g *grants) app(name string) (hubspotApp, error) {
	app, ok := g.cfg.App(name)
	if !ok { // the configuration was checked
		return hubspotApp{}, usagef("hubspot_apps: there is no app %q", name)
	}
	secret, err := g.cfg.ReadSecret(app.ClientSecretFile)
	if err != nil {
		return hubspotApp{}, usagef("hubspot_apps: %s: client_secret_file: %w", name, err)
	}
	return hubspotApp{app, secret}, nil
}
