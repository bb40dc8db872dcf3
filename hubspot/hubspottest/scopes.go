package hubspottest

import (
	"net/http"
	"strings"
)

// permit checks that the token's scopes and the account's tier allow a call.
// https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes
func (p *Portal) permit(c *call) *refusal {
	switch c.area {
	case "objects", "associations":
		return p.permitRecords(c)
	case "schemas":
		if c.r.Method == http.MethodGet || strings.HasSuffix(c.r.URL.Path, "/batch/read") {
			return p.need(c, true, "crm.schemas.custom.read")
		}
		return p.need(c, true, "crm.schemas.custom.write")
	case "properties":
		return p.permitProperties(c)
	case "pipelines":
		if len(c.seg) > 0 {
			return p.need(c, p.isCustom(c.seg[0]), "crm.objects."+p.scopeName(c.seg[0])+".read")
		}
	case "account", "appinstalls":
		if c.access != nil { // static tokens do without
			return p.need(c, false, "oauth")
		}
	case "callbacks":
		return p.need(c, false, "automation")
	case "owners":
		return p.need(c, false, "crm.objects.owners.read")
	}
	return nil
}

func (p *Portal) permitRecords(c *call) *refusal {
	if len(c.seg) == 0 {
		return nil
	}
	reads := c.r.Method == http.MethodGet || c.class == ClassSearch || strings.HasSuffix(c.r.URL.Path, "/batch/read")
	other := ""
	switch {
	case c.area == "associations" && len(c.seg) > 1:
		other = c.seg[1]
	case len(c.seg) > 4 && c.seg[2] == "associations":
		other = c.seg[len(c.seg)-2]
	case len(c.seg) == 4 && c.seg[2] == "associations":
		other = c.seg[3]
	}
	access := map[bool]string{true: ".read", false: ".write"}
	if other == "" {
		return p.need(c, p.isCustom(c.seg[0]), "crm.objects."+p.scopeName(c.seg[0])+access[reads])
	}
	a, b := "crm.objects."+p.scopeName(c.seg[0]), "crm.objects."+p.scopeName(other)
	custom := p.isCustom(c.seg[0]) || p.isCustom(other)
	if !reads && !p.opt.FarSideWrite {
		// Writing on one side and reading on the other is enough.
		if c.scopes[b+".write"] && !c.scopes[a+".write"] {
			a, b = b, a
		}
		return p.need(c, custom, a+".write", b+".read")
	}
	return p.need(c, custom, a+access[reads], b+access[reads])
}

// permitLinks checks that a token may make the links of new records. HubSpot does not
// say which scopes of the other side that takes; here they are those of making the
// same links afterwards.
func (c *call) permitLinks(t *objectType, in []writeInput) *refusal {
	access := ".read"
	if c.p.opt.FarSideWrite {
		access = ".write"
	}
	for _, input := range in {
		for _, l := range input.Associations {
			kinds, r := c.kinds(t, nil, l.Types)
			if r != nil {
				continue // the input is refused for it
			}
			own, far := c.p.scopeName(t.name), c.p.scopeName(kinds[0].to.name)
			if r := c.p.need(c, own == "custom" || far == "custom", "crm.objects."+own+".write", "crm.objects."+far+access); r != nil {
				return r
			}
		}
	}
	return nil
}

// permitProperties lets object readers read definitions too.
func (p *Portal) permitProperties(c *call) *refusal {
	if len(c.seg) == 0 {
		return nil
	}
	name, custom := p.scopeName(c.seg[0]), p.isCustom(c.seg[0])
	if c.r.Method != http.MethodGet && !strings.HasSuffix(c.r.URL.Path, "/batch/read") {
		return p.need(c, custom, "crm.schemas."+name+".write")
	}
	if c.scopes["crm.schemas."+name+".read"] || c.scopes["crm.objects."+name+".read"] {
		return p.need(c, custom)
	}
	return p.need(c, custom, "crm.schemas."+name+".read")
}

// need refuses unless every scope is granted. Scopes of custom objects can
// only be granted by an Enterprise account.
func (p *Portal) need(c *call, custom bool, scopes ...string) *refusal {
	if custom && p.opt.Tier != Enterprise {
		if len(scopes) == 0 {
			scopes = []string{"crm.schemas.custom.read"}
		}
		return missingScopes(scopes...)
	}
	for _, s := range scopes {
		if !c.scopes[s] {
			return missingScopes(scopes...)
		}
	}
	if c.access != nil {
		for _, s := range scopes {
			p.grants.used[s] = true
		}
	}
	return nil
}

// scopeName is the object's part of a scope. Unknown types count as custom.
func (p *Portal) scopeName(objectType string) string {
	if t := p.byName[objectType]; t != nil && !t.custom {
		return t.name
	}
	return "custom"
}

func (p *Portal) isCustom(objectType string) bool { return p.scopeName(objectType) == "custom" }
