# syntax=docker/dockerfile:1
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY pipeline ./pipeline
COPY targets ./targets
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --disable-pip-version-check .

FROM python:3.11.13-slim-bookworm
# Outputs, logs and what is deployed live in /data: mount a volume there.
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIPELINE_TARGET_DIR=/data/targets \
    PIPELINE_JSON_LOG=/data/pipeline.jsonl \
    APP_DEPLOY_DIR=/data/deployed
RUN useradd --system --uid 10001 --create-home app && install -d -o app -g app -m 0700 /data
COPY --from=build /venv /venv
WORKDIR /app
COPY run.py luigi.cfg logging.cfg ./
COPY app ./app
USER app
VOLUME /data
# Exec form: python is PID 1 and gets the signals of `docker stop`.
ENTRYPOINT ["python", "run.py"]
