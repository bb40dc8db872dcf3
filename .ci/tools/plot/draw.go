package main

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The size of the picture, and what of it its border and its caption take.
const (
	width, height = 30 * vg.Centimeter, 9 * vg.Centimeter
	margin        = 0.4 * vg.Centimeter
	footer        = 0.6 * vg.Centimeter
)

// The colours have a contrast of more than four to one against white and
// against GitHub's dark background alike.
var (
	ink   = color.NRGBA{0x76, 0x7b, 0x81, 0xff}
	faint = color.NRGBA{0x76, 0x7b, 0x81, 0x50}
	curve = color.NRGBA{0x2f, 0x81, 0xd6, 0xff}
)

// draw writes the picture as SVG.
func (m measurement) draw(w io.Writer) error {
	panels := []struct {
		title string
		of    func(cost) float64
	}{
		{"HubSpot calls", func(c cost) float64 { return c.calls }},
		{"peak memory, MiB", func(c cost) float64 { return c.mebibytes }},
		{"seconds", func(c cost) float64 { return c.seconds }},
	}
	row := make([]*plot.Plot, len(panels))
	for i, p := range panels {
		var err error
		if row[i], err = m.panel(p.title, p.of); err != nil {
			return err
		}
	}
	picture := vgsvg.New(width, height)
	page := draw.New(picture)
	tiles := draw.Tiles{Rows: 1, Cols: len(row), PadX: vg.Centimeter}
	page = draw.Crop(page, margin, -margin, margin, -margin)
	above := draw.Crop(page, 0, 0, footer, 0)
	for i, at := range plot.Align([][]*plot.Plot{row}, tiles, above)[0] {
		row[i].Draw(at)
	}
	page.FillText(letters(10), page.Min, strings.Join(m.caption, " · "))

	var svg bytes.Buffer
	if _, err := picture.WriteTo(&svg); err != nil {
		return err
	}
	// A reader's machine may not have the font that the layout was made with.
	out := bytes.ReplaceAll(svg.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif"))
	_, err := w.Write(out)
	return err
}

// panel is the plot of one figure over the number of gifts.
func (m measurement) panel(title string, of func(cost) float64) (*plot.Plot, error) {
	points := make(plotter.XYs, len(m.costs))
	labels := make([]string, len(m.costs))
	low, high := math.Inf(1), 0.0
	for i, c := range m.costs {
		points[i] = plotter.XY{X: c.gifts, Y: of(c)}
		labels[i] = figure(of(c))
		low, high = min(low, of(c)), max(high, of(c))
	}
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return nil, err
	}
	line.Color, line.Width = curve, vg.Points(2)
	dots.Color, dots.Shape, dots.Radius = curve, draw.CircleGlyph{}, vg.Points(3.5)
	values, err := plotter.NewLabels(plotter.XYLabels{XYs: points, Labels: labels})
	if err != nil {
		return nil, err
	}
	for i := range values.TextStyle {
		values.TextStyle[i] = letters(11)
		values.TextStyle[i].XAlign, values.TextStyle[i].YAlign = draw.XCenter, draw.YBottom
	}
	values.Offset.Y = vg.Points(8)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = faint, faint

	p := plot.New()
	p.BackgroundColor = nil
	p.Title.Text, p.Title.Padding = title, vg.Points(6)
	p.Title.TextStyle.Color, p.Title.TextStyle.Font = ink, letters(13).Font
	p.X.Label.Text = "gifts"
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Scale = plot.LogScale{}
		a.Tick.Marker = plot.TickerFunc(decades)
		a.Color, a.LineStyle.Color, a.Tick.Color, a.Tick.LineStyle.Color = ink, ink, ink, ink
		a.Label.TextStyle.Color, a.Label.TextStyle.Font = ink, letters(11).Font
		a.Tick.Label.Color, a.Tick.Label.Font = ink, letters(11).Font
	}
	p.Add(grid, line, dots, values)
	p.X.Min, p.X.Max = decade(points[0].X, math.Floor), decade(points[len(points)-1].X, math.Ceil)
	p.Y.Min, p.Y.Max = decade(low, math.Floor), decade(high*1.2, math.Ceil)
	return p, nil
}

// letters are the style of texts of a size, in points.
func letters(size float64) text.Style {
	return text.Style{
		Color:   ink,
		Font:    font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, vg.Points(size)),
		Handler: plot.DefaultTextHandler,
	}
}

// decade is a neighbouring power of ten.
func decade(v float64, round func(float64) float64) float64 {
	return math.Pow(10, round(math.Log10(v)))
}

// decades marks every power of ten.
func decades(low, high float64) (ticks []plot.Tick) {
	for v := low; v <= high*1.0001; v *= 10 {
		ticks = append(ticks, plot.Tick{Value: v, Label: short(v)})
	}
	return ticks
}

// short is a power of ten in few letters: 0.1, 100, 10k, 1M.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%gk", v/1e3)
	default:
		return fmt.Sprintf("%g", v)
	}
}

// figure is a value for readers: with two digits at least, and thousands apart.
func figure(v float64) string {
	if v < 10 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
