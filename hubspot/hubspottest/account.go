package hubspottest

import (
	"cmp"
	"net/http"
	"strings"
	"time"
)

// owner is a user who can own records.
type owner struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	Type      string `json:"type"`
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
	UserID    int64  `json:"userId"`
	CreatedAt string `json:"createdAt"`
	UpdatedAt string `json:"updatedAt"`
	Archived  bool   `json:"archived"`
}

// account answers the small areas: account information, pipelines, owners and
// limits tracking.
func (c *call) account() answer {
	switch {
	case c.area == "account" && c.is("GET", "details"):
		return c.accountDetails()
	case c.area == "pipelines" && len(c.seg) > 0:
		return c.pipelines()
	case c.area == "owners" && c.is("GET"):
		return c.listOwners()
	case c.area == "limits" && c.is("GET", "custom-object-types"):
		return c.customTypeUsage()
	case c.area == "limits" && c.is("GET", "records"):
		return c.recordUsage()
	}
	return c.noRoute()
}

// https://developers.hubspot.com/docs/api-reference/latest/account/account-information/guide
func (c *call) accountDetails() answer {
	_, offset := c.now.In(c.p.zone).Zone()
	return c.json(http.StatusOK, map[string]any{
		"portalId": c.p.opt.ID, "accountType": "STANDARD", "timeZone": c.p.opt.TimeZone,
		"companyCurrency": c.p.opt.Currency, "additionalCurrencies": []string{},
		"utcOffset": c.now.In(c.p.zone).Format("-07:00"), "utcOffsetMilliseconds": offset * 1000,
		"uiDomain": "app.hubspot.com", "dataHostingLocation": "na1",
	})
}

// pipelines lists deal pipelines; their metadata are strings.
// https://developers.hubspot.com/docs/api-reference/latest/crm/pipelines/guide
func (c *call) pipelines() answer {
	t, r := c.objectType(c.seg[0])
	if r != nil {
		return c.refuse(r)
	}
	results := []any{}
	if t.name == "deals" {
		for i, d := range pipelines {
			results = append(results, c.wirePipeline(t, d, i))
		}
	}
	switch {
	case c.is("GET", "*"):
		return c.json(http.StatusOK, map[string]any{"results": results})
	case c.is("GET", "*", "*"):
		for i, d := range pipelines {
			if d.id == c.seg[1] && i < len(results) {
				return c.json(http.StatusOK, results[i])
			}
		}
		return c.refuse(notFound("Pipeline %s was not found.", c.seg[1]))
	}
	return c.noRoute()
}

func (c *call) wirePipeline(t *objectType, d pipelineDef, order int) any {
	at := isoMilli(t.created.UnixMilli())
	stages := []any{}
	for i, s := range d.stages {
		meta := map[string]string{"probability": s.probability}
		if !c.p.opt.NoIsClosed {
			meta["isClosed"] = "false"
			if s.closed() {
				meta["isClosed"] = "true"
			}
		}
		stages = append(stages, map[string]any{
			"id": s.id, "label": cmp.Or(c.p.stages[s.id], s.label), "displayOrder": i, "metadata": meta, "archived": false,
			"writePermissions": "CRM_PERMISSIONS_ENFORCEMENT", "createdAt": at, "updatedAt": at,
		})
	}
	return map[string]any{"id": d.id, "label": d.label, "displayOrder": order, "stages": stages, "archived": false, "createdAt": at, "updatedAt": at}
}

func (c *call) listOwners() answer {
	limit, r := c.number("limit", 100, 500)
	if r != nil {
		return c.refuse(r)
	}
	results := []owner{}
	more := ""
	for _, o := range c.p.owners {
		email := c.query.Get("email")
		if o.Archived != (c.query.Get("archived") == "true") || email != "" && !strings.EqualFold(email, o.Email) || o.ID <= c.query.Get("after") {
			continue
		}
		if len(results) == limit {
			more = results[limit-1].ID
			break
		}
		results = append(results, o)
	}
	body := map[string]any{"results": results}
	if more != "" {
		body["paging"] = c.nextPage(more)
	}
	return c.json(http.StatusOK, body)
}

func usage(limit, used int) map[string]any {
	return map[string]any{"limit": limit, "usage": used, "percentage": float64(used) * 100 / float64(limit)}
}

// https://developers.hubspot.com/docs/api-reference/latest/crm/limits-tracking/guide
func (c *call) customTypeUsage() answer {
	n := 0
	for _, t := range c.p.types {
		if t.custom && !t.archived {
			n++
		}
	}
	return c.json(http.StatusOK, usage(c.p.opt.MaxCustomTypes, n))
}

func (c *call) recordUsage() answer {
	const standardLimit = 15_000_000
	standard, custom := []any{}, []any{}
	for _, t := range c.p.types {
		limit := c.p.opt.MaxCustomRecords
		if !t.custom {
			limit = standardLimit
		}
		u := usage(limit, t.live)
		u["objectTypeId"] = t.id
		if t.custom {
			custom = append(custom, u)
		} else {
			standard = append(standard, u)
		}
	}
	all := usage(c.p.opt.MaxCustomRecords, c.p.customRecords())
	return c.json(http.StatusOK, map[string]any{
		"hubspotDefinedObjectTypes": standard,
		"customObjectTypes": map[string]any{
			"overallLimit": all["limit"], "overallUsage": all["usage"], "overallPercentage": all["percentage"], "byObjectType": custom,
		},
	})
}

// tokenInfo describes a static token: its portal and scopes.
func (c *call) tokenInfo() answer {
	var in struct{ TokenKey string }
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	if in.TokenKey != c.p.opt.Token {
		return c.refuse(notFound("The token was not found."))
	}
	return c.json(http.StatusOK, map[string]any{
		"userId": installerID, "hubId": c.p.opt.ID, "appId": appID, "scopes": sortedKeys(c.p.scopes), "isUserToken": false,
	})
}

// midnight is the next start of a day in the portal's zone.
func (p *Portal) midnight(now time.Time) time.Time {
	local := now.In(p.zone)
	return time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, p.zone)
}
