/** A scenario as a picture: what callers got, and what the upstream was asked, second by second. */
import * as echarts from 'echarts';

const size = { width: 960, height: 640 };
/** Seconds over which lines are averaged, so that chance does not hide what happens. */
const smoothing = 5;
const font = 'Helvetica, Arial, sans-serif';
const ink = '#24292f';
const faint = '#6e7781';
/** Told apart without colours by their widths and dashes too. */
const lines = {
  'no policy': { color: '#8c959f', width: 1.6, type: 'solid' },
  'retry only': { color: '#d4820f', width: 1.6, type: [6, 3] },
  'cockatiel wrap': { color: '#2f6fd0', width: 1.6, type: [2, 2] },
  'Ripstop default': { color: '#16803c', width: 2.8, type: 'solid' },
};

/** The SVG, as text. */
export function plot(scenario, results) {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size });
  chart.setOption(options(scenario, results));
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

function options(scenario, results) {
  const names = Object.keys(results);
  return {
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: font, color: ink },
    title: {
      text: scenario.title,
      subtext: scenario.what,
      left: 24,
      top: 14,
      textStyle: { fontFamily: font, fontSize: 20, color: ink },
      subtextStyle: { fontFamily: font, fontSize: 13, color: faint, width: 900, overflow: 'break' },
    },
    legend: {
      data: ['calls', ...names],
      left: 60,
      top: 90,
      itemWidth: 34,
      itemGap: 24,
      itemStyle: { opacity: 0 },
      textStyle: { fontFamily: font, fontSize: 13, color: ink },
    },
    grid: [
      { left: 66, right: 28, top: 142, height: 236 },
      { left: 66, right: 28, top: 428, height: 150 },
    ],
    xAxis: [timeAxis(scenario, 0, ''), timeAxis(scenario, 1, 'time (s)')],
    yAxis: [rateAxis(0, 'answers in time per second'), rateAxis(1, 'requests to the upstream per second')],
    series: [
      ...(scenario.trouble === undefined ? [] : [band(scenario, 0), band(scenario, 1)]),
      offered(results[names[0]]),
      ...names.map((name) => line(name, results[name].seconds.answered, 0)),
      ...names.map((name) => line(name, results[name].seconds.received, 1)),
    ],
  };
}

function timeAxis({ durationMs }, gridIndex, name) {
  return {
    type: 'value',
    gridIndex,
    min: 0,
    max: durationMs / 1_000,
    interval: 30,
    name,
    nameLocation: 'middle',
    nameGap: 30,
    nameTextStyle: { fontFamily: font, fontSize: 13, color: ink },
    axisLabel: { fontFamily: font, fontSize: 12, color: faint },
    axisLine: { lineStyle: { color: '#afb8c1' } },
    splitLine: { show: false },
  };
}

function rateAxis(gridIndex, name) {
  return {
    type: 'value',
    gridIndex,
    min: 0,
    name,
    nameLocation: 'end',
    nameGap: 10,
    nameTextStyle: { fontFamily: font, fontSize: 13, color: ink, align: 'left', padding: [0, 0, 0, -40] },
    axisLabel: { fontFamily: font, fontSize: 12, color: faint },
    splitLine: { lineStyle: { color: '#eaeef2' } },
  };
}

/** What callers ask for. */
function offered({ seconds }) {
  return line('calls', seconds.offered, 0);
}

/** The time of the trouble, behind everything. */
function band({ trouble }, gridIndex) {
  const label = { show: gridIndex === 0, position: 'insideTop', color: '#a40e26', fontFamily: font, fontSize: 12 };
  return {
    type: 'line',
    xAxisIndex: gridIndex,
    yAxisIndex: gridIndex,
    data: [],
    markArea: {
      silent: true,
      itemStyle: { color: 'rgba(207, 34, 46, 0.09)' },
      label,
      data: [[{ name: 'trouble', xAxis: trouble.fromMs / 1_000 }, { xAxis: trouble.untilMs / 1_000 }]],
    },
  };
}

function line(name, counts, gridIndex) {
  const style = lines[name] ?? { color: '#57606a', width: 1, type: [1, 3] };
  return {
    name,
    type: 'line',
    xAxisIndex: gridIndex,
    yAxisIndex: gridIndex,
    symbol: 'none',
    lineStyle: style,
    itemStyle: { color: style.color },
    data: smooth(counts).map((count, second) => [second + 0.5, Math.round(count * 100) / 100]),
  };
}

/** The mean of the seconds around each. */
function smooth(counts) {
  const half = Math.floor(smoothing / 2);
  return counts.map((_, second) => {
    const around = counts.slice(Math.max(0, second - half), second + half + 1);
    return around.reduce((sum, count) => sum + count, 0) / around.length;
  });
}
