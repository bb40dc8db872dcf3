package page

// A chart is the values of a picture, as they stand in the page for its script.
type chart struct {
	ID     string   `json:"-"`
	Name   string   `json:"name"`
	Unit   string   `json:"unit"` // of values: "gifts", "%" or a currency
	Labels []string `json:"labels"`
	Across bool     `json:"across"` // bars lie, and labels stand below each other
	Series []series `json:"series"`
}

// series is what is drawn in one colour.
type series struct {
	Name   string     `json:"name"`
	Kind   string     `json:"kind"`   // bar or line
	Pile   bool       `json:"pile"`   // bars stand on those of the series before
	Values []*float64 `json:"values"` // one for each label; null for none
}

const (
	bars  = "bar"
	lines = "line"
)

// chartOf makes a chart with nothing in it yet.
func chartOf(name, unit string, kind string, piled bool, of ...string) chart {
	c := chart{Name: name, Unit: unit, Labels: []string{}}
	for _, s := range of {
		c.Series = append(c.Series, series{Name: s, Kind: kind, Pile: piled, Values: []*float64{}})
	}
	return c
}

// add adds a label with a value for each series.
func (c *chart) add(label string, values ...*float64) {
	c.Labels = append(c.Labels, label)
	for i, v := range values {
		c.Series[i].Values = append(c.Series[i].Values, v)
	}
}

func whole(n int) *float64 {
	v := float64(n)
	return &v
}

// percent is a rate in per cent.
func percent(rate *float64) *float64 {
	if rate == nil {
		return nil
	}
	v := *rate * 100
	return &v
}
