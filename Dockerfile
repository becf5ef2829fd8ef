# The exporter, and with `--target demo` the demo's HER and mail sink. Build: docker compose build

FROM python:3.13.12-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 \
    PIP_CONSTRAINT=/src/docker/constraints.txt PIP_BUILD_CONSTRAINT=/src/docker/constraints.txt
WORKDIR /src
COPY docker/constraints.txt docker/constraints.txt
RUN python -m venv /opt/observatory
# Dependencies first: they change less often than the code, and a layer that did not change is not built again.
COPY pyproject.toml README.md ./
RUN python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; print(*p["dependencies"], *p["optional-dependencies"]["sms"], sep="\n")' \
    >/tmp/requirements.txt
RUN /opt/observatory/bin/pip install --requirement /tmp/requirements.txt
COPY exporters exporters
COPY grafana grafana
COPY prometheus prometheus
RUN /opt/observatory/bin/pip install --no-deps .

FROM build AS build-demo
RUN /opt/observatory/bin/pip install ".[demo]"

FROM python:3.13.12-slim-trixie AS run
LABEL org.opencontainers.image.title="LLM Observatory"
ENV PATH=/opt/observatory/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A volume that is mounted for the first time takes its owner from the directory it is mounted over.
RUN groupadd --gid 10001 observatory \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin observatory \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/observatory \
 && install -d -o 10001 -g 10001 -m 0755 /run/tokens/writer /run/tokens/reader /run/tokens/text \
      /stack/prometheus /stack/alertmanager /stack/grafana /stack/grafana-restricted /var/log/sigmasight
# What scripts/layout.py chooses from for Prometheus, Alertmanager and Grafana.
COPY grafana /opt/observatory/stack/grafana
COPY prometheus /opt/observatory/stack/prometheus
COPY scripts/layout.py scripts/make_influxdb.py scripts/server_configs.py scripts/text_sources.py scripts/watched.py \
     /opt/observatory/stack/scripts/
COPY --from=build /opt/observatory /opt/observatory
USER 10001:10001
WORKDIR /var/lib/observatory
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9464/healthz', timeout=4)"]
ENTRYPOINT ["observatory"]
CMD ["serve", "--config.file=/etc/observatory/observatory.yml"]

FROM run AS demo
COPY --from=build-demo /opt/observatory /opt/observatory

# The last one is what `docker build .` makes.
FROM run AS exporter
